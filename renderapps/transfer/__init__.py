"""Stacks, matches and images between services, storage places and archives."""
