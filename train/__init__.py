"""Training of rtstyle's generators; imported by nothing that runs at inference time."""
