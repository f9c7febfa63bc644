"""Write the files of a result. To add an output format, see ``registry``."""
