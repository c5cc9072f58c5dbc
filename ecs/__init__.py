"""Deployment on Amazon ECS: the stack, the two task definitions, and the script that releases them."""
