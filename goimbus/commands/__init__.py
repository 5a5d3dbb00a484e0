"""One file a command: `<name>.py` holds the click command `command`, and is `goimbus <name>`."""
