"""The client table and the assignment on Spark, where one machine is not enough."""
