"""What the measurements of `loadtest.modes` stand on: clients in processes of their own, the floor, CPU and memory."""
