"""Experts: small detectors of their own beside the model, asked about the labels that they were made for."""
