// The least that a guest's first program can do: it loads the modules as ours does, prints a line, and then answers each byte
// that comes by the agent's channel with the same byte, so that a clone of it has something to say.
#define main product_main
#include "../../guest-image/init.c"
#undef main

#include <poll.h>

#define CHANNEL "/dev/virtio-ports/" PORT

int main(void) {
  must_mount("dev", "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
  int console = open("/dev/console", O_RDWR | O_NOCTTY);
  load_modules();
  if (console < 0 || write(console, "floor\n", 6) != 6) die("cannot write to the console");
  must_mount("sys", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  wait_for(link_port, "the channel: no serial port has the name " PORT);
  int channel = open(CHANNEL, O_RDWR);
  if (channel < 0) die("cannot open the channel: %s", strerror(errno));
  for (char byte;;) {
    // Without a host a read returns at once; it is there when a byte is.
    if (read(channel, &byte, 1) != 1) poll(NULL, 0, 1);
    else if (write(channel, &byte, 1) != 1) die("cannot answer: %s", strerror(errno));
  }
}
