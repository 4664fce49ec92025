"""The pages: NiceGUI on the same application, reading through the services that the API reads through."""

from livermore.apps.admin.pages import add_pages

__all__ = ["add_pages"]
