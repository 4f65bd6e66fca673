"""One task a file; the file's name is the task's name. The data lives in `tasks.data`."""
