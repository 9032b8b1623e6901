"""Deliveries from a topic of Kafka: ranges of offsets."""
