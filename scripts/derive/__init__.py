"""What derive_export.py is made of. Standard library only."""
