"""What audio sounds like, on sounds made for the purpose."""
