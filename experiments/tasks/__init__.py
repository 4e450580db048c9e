"""What can be trained: PDEs and datasets."""
