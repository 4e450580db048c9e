"""What one core of a layer is made of: meshes, numbers, rings."""
