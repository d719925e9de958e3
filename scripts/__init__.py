"""What a developer runs: the commands are the files without an ending, the modules are what they share."""
