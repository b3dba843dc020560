"""What a change does to every stack: the program at base and at head, compared before anything is touched."""
