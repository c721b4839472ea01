"""SharePoint sites: lists with their rows, pages, settings; their libraries are drives."""
