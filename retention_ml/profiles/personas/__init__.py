"""Personas: kinds of customers by how they buy, with centroids that stay until a decision."""
