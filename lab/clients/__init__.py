"""What the operating systems under test offer to whoever manages them."""
