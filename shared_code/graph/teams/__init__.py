"""Teams: settings, members, channels and their messages; read from Graph and written back."""
