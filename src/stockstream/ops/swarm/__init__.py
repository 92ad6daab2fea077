"""The Phase 2 stack on a Docker Swarm: what scripts ask of it, and how they change it safely."""
