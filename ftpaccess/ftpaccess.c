/* ftpaccess: looks after .ftpaccess files. */
#include "cli.h"

int main(int argc, char **argv)
{
    return ftpaccess_cli(argc, argv);
}
