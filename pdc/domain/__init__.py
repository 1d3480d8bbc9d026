"""What everything else is made of: values, geometry, prompts, differences, merges. Standard library only."""
