"""One backbone a file; the file's name is the backbone's name."""
