"""What to run: sweep files and the typed settings they are read into."""
