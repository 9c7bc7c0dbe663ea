"""The trial of a challenger: its sample, looks, verdict, decision and report."""
