"""Figures of evaluated models, drawn without a display."""
