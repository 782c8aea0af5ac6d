"""The other side: what somebody would write in an hour with the SDK alone. None imports the package under test."""
