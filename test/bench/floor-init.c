// The least that a guest's first program can do: it loads the modules as ours does, prints a line and waits to be killed.
#define main product_main
#include "../../guest-image/init.c"
#undef main

int main(void) {
  must_mount("dev", "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
  int console = open("/dev/console", O_RDWR | O_NOCTTY);
  load_modules();
  if (console < 0 || write(console, "floor\n", 6) != 6) die("cannot write to the console");
  for (;;) pause();
}
