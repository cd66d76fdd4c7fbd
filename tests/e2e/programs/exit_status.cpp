// Ends with the status that its argument says.
#include <cstdlib>

int main(int, char** argv) {
    return std::atoi(argv[1]);
}
