"""Bad input gets its code and a message that names the field, nothing is written, and no answer reveals secrets."""
