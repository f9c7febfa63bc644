"""An account of a page's ink: which text-like ink no line covers, what it says when it is read again, what stays unread."""
