/* ftpaccess: looks after .ftpaccess files. */
#include "cli.h"

int main(int argc, char **argv)
{
    static char name[] = "ftpaccess";

    if (argc > 0) {
        argv[0] = name; /* whatever the path to it */
    }
    return ftpaccess_cli(argc, argv);
}
