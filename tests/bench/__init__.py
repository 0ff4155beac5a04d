"""What the node costs, beside its peers and beside itself of yesterday."""
