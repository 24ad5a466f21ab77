"""Where images come from: folders, archives and lists."""
