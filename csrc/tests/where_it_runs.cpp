// where_it_runs SET PROGRAM: runs the program if this CPU has the instruction set, and ends with 77 if not. A program of
// its own, because what is compiled for a set may use it anywhere, in the check too.
#include <unistd.h>

#include <cstdio>

#include "dispatch.hpp"

int main(int count, char** arguments) {
    if (count != 3) return 2;
    for (const std::string& name : ostinato::available())
        if (name == arguments[1]) {
            execv(arguments[2], arguments + 2);
            std::perror(arguments[2]);
            return 1;
        }
    std::printf("this CPU has no %s: nothing tested\n", arguments[1]);
    return 77;
}
