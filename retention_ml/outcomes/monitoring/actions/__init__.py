"""What may need a person where actions leave the house: watched until it is over."""
