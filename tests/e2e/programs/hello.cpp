// Says hello through the C++ library.
#include <iostream>

int main() {
    std::cout << "hello world\n";
}
