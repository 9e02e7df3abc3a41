"""What a reader gets: the report page and the verdict on the terminal."""
