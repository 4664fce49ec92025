"""What is alive: the states of a runtime, and the services that run in it."""
