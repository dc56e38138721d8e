"""What a crawler has to know of a site: its addresses, its rules, its map, its pace."""
