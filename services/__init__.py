"""The four domain services and the kernel they share."""
