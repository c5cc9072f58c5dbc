"""What is published: its files, its manifest, the proof that it is whole, and the list of all of them."""
