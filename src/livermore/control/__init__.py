"""What is asked: commands, each with an id, an acknowledgement, a result and a history."""
