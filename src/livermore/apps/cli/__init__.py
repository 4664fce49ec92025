"""The command line: one module for each room, loaded when its verb is called."""
