"""How surfaces made for other programs name things."""
