"""What runs only in OCR children: open files, render pages, run the engines, find the reading order."""
