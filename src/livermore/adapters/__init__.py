"""The plumbing: the only place that knows databases, sockets, files and notification services."""
