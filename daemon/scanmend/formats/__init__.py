"""What leaves: the files of a result. ``registry`` lists the output formats, and is the place to add one."""
