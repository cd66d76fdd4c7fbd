#include <iostream>
#include <vector>
#include <map>
#include <stdexcept>
int main(int c,char**v){
 std::cout<<"hello from C++ argc="<<c<<" "<<v[0]<<std::endl;
 try{ throw std::runtime_error("boom"); }catch(std::exception&e){std::cout<<"caught "<<e.what()<<"\n";}
 std::vector<int> x(1000000,3); long s=0; for(int i:x)s+=i; std::cout<<s<<"\n";
 return 7;}
