import Container
