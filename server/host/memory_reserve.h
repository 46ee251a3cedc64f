// A piece of memory that is held until an allocation fails, and then given up for it. Whoever takes much at once fails as before,
// since the reserve is small beside that; but the little that others take meanwhile is there: for saying that it failed, and for
// what cannot fail without ending the process, such as the library's JSON values, which take memory when they are destroyed.
#pragma once

namespace puna::server {

// From now on, for the whole process. Again after it has been given up, when somebody calls this again and there is memory for it;
// from any thread.
void HoldMemoryReserve();

}  // namespace puna::server
