"""Networks made from networks: loaded onto optics, compensated, grown."""
