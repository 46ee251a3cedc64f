#include "api/template/interpreter.h"

#include <algorithm>

#include "api/template/builtins.h"
#include "api/template/loop_object.h"
#include "api/template/python_text.h"

namespace puna::api::jinja {
namespace {

constexpr size_t kKeptBytes = 256;  // charged for what lives until the end

// A value that does not own its object.
template <typename T>
Value Unowned(Kind kind, const T* object) {
  return Value::Of(kind, std::shared_ptr<const Object>(std::shared_ptr<const Object>(), object));
}

const Value* FindVariable(const Scope& scope, int symbol) {
  for (const auto& [name, value] : scope.variables) {
    if (name == symbol) return &value;
  }
  return nullptr;
}

}  // namespace

Interpreter::Interpreter(const Program& program, const std::vector<Value>& context, Meter& meter,
                         std::chrono::system_clock::time_point now)
    : program_(program), context_(context), meter_(meter), now_(now) {}

Interpreter::~Interpreter() = default;

TrackedText Interpreter::Run() {
  TrackedText text(&meter_);
  out_ = &text;
  const ScopeGuard root(*this);
  Execute(program_.body);
  out_ = nullptr;
  return text;
}

Value Interpreter::Evaluate(const Expr& expr) {
  const DepthGuard guard(&meter_);
  meter_.Step(1);
  line_ = expr.line;
  return expr.Evaluate(*this);
}

void Interpreter::Print(const Expr& expr) {
  const DepthGuard guard(&meter_);
  meter_.Step(1);
  line_ = expr.line;
  expr.Print(*this);
}

Flow Interpreter::Execute(const Body& body) {
  const DepthGuard guard(&meter_);
  for (const auto& statement : body) {
    meter_.Step(1);
    line_ = statement->line;
    const Flow flow = statement->Execute(*this);
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Value Interpreter::Lookup(int symbol) const {
  for (const Scope* scope = scope_; scope != nullptr; scope = scope->parent) {
    if (const Value* found = FindVariable(*scope, symbol)) return *found;
  }
  const Value& given = context_[static_cast<size_t>(symbol)];
  if (!given.IsNoValue()) return given;
  return Value::Undefined(&meter_, "'" + program_.symbols[static_cast<size_t>(symbol)] + "' is undefined");
}

void Interpreter::Assign(int symbol, Value value) {
  for (auto& [name, old] : scope_->variables) {
    if (name == symbol) {
      old = std::move(value);
      return;
    }
  }
  scope_->variables.emplace_back(symbol, std::move(value));
}

void Interpreter::Assign(const Target& target, const Value& value) {
  switch (target.kind) {
    case Target::Kind::kName:
      return Assign(target.symbol, value);
    case Target::Kind::kAttribute: {
      const Value object = Lookup(target.symbol);
      if (object.kind() != Kind::kNamespace) Fail("cannot assign attribute on non-namespace object");
      object.As<NamespaceObject>().Set(target.attribute, value);
      return;
    }
    case Target::Kind::kTuple:
      break;
  }
  if (!value.IsUndefined() && !IsIterable(value)) {
    Fail(std::string("cannot unpack non-iterable ") + TypeName(value) + " object");
  }
  const auto items = Items(&meter_, value);
  const size_t wanted = target.parts.size(), found = items->items.size();
  if (found > wanted) Fail("too many values to unpack (expected " + std::to_string(wanted) + ")");
  if (found < wanted) {
    Fail("not enough values to unpack (expected " + std::to_string(wanted) + ", got " + std::to_string(found) + ")");
  }
  for (size_t i = 0; i < wanted; ++i) Assign(target.parts[i], items->items[i]);
}

Arguments Interpreter::EvaluateArguments(const CallArguments& arguments) {
  Arguments values;
  values.positional.reserve(arguments.positional.size());
  for (const ExprPtr& expr : arguments.positional) values.positional.push_back(Evaluate(*expr));
  for (const auto& [name, expr] : arguments.named) values.named.emplace_back(name, Evaluate(*expr));
  if (arguments.list != nullptr) {
    for (const Value& item : EachItem(&meter_, Evaluate(*arguments.list))) values.positional.push_back(item);
  }
  if (arguments.dict != nullptr) {
    const Value dict = Evaluate(*arguments.dict);
    if (!dict.IsDict()) Fail(std::string("argument after ** must be a mapping, not ") + TypeName(dict));
    for (const auto& [key, value] : dict.dict().entries) {
      if (!key.IsString()) Fail("keywords must be strings");
      values.named.emplace_back(key.bytes(), value);
    }
  }
  return values;
}

Value Interpreter::Call(const Value& callee, const Arguments& arguments) {
  switch (callee.kind()) {
    case Kind::kMacro:
      return CallMacro(callee.As<MacroObject>(), arguments);
    case Kind::kFunction:
      return callee.As<FunctionObject>().function(*this, Value(), arguments);
    case Kind::kMethod: {
      const auto& method = callee.As<MethodObject>();
      return method.function(*this, method.self, arguments);
    }
    case Kind::kLoop:
      Fail("recursive loops are not supported");
    default:
      CheckDefined(callee);
  }
  Fail(std::string("'") + TypeName(callee) + "' object is not callable");
}

Value Interpreter::CallMacro(const MacroObject& macro, const Arguments& arguments) {
  const DepthGuard guard(&meter_);
  const ScopeGuard scope(*this, macro.scope);
  Capture capture(*this);
  BindParameters(*macro.definition, arguments);
  Execute(macro.definition->body);
  return capture.Take();
}

void Interpreter::BindParameters(const MacroDefinition& macro, const Arguments& arguments) {
  const size_t count = macro.parameters.size();
  std::vector<bool> given(count, false);
  std::vector<Value> rest;
  for (size_t i = 0; i < arguments.positional.size(); ++i) {
    if (i < count) {
      Assign(macro.parameters[i], arguments.positional[i]);
      given[i] = true;
    } else {
      rest.push_back(arguments.positional[i]);
    }
  }
  if (!rest.empty() && !macro.uses_varargs) {
    Fail("macro '" + macro.name + "' takes not more than " + std::to_string(count) + " argument(s)");
  }
  if (macro.uses_varargs) Assign(macro.varargs_symbol, Value::Tuple(&meter_, std::move(rest)));
  BindNamed(macro, arguments, given);
  const size_t first_default = count - macro.defaults.size();
  for (size_t i = 0; i < count; ++i) {
    if (given[i]) continue;
    const std::string& name = program_.symbols[static_cast<size_t>(macro.parameters[i])];
    Assign(macro.parameters[i], i >= first_default
                                    ? Evaluate(*macro.defaults[i - first_default])
                                    : Value::Undefined(&meter_, "parameter '" + name + "' was not provided"));
  }
}

void Interpreter::BindNamed(const MacroDefinition& macro, const Arguments& arguments, std::vector<bool>& given) {
  std::vector<std::pair<Value, Value>> rest;
  for (const auto& [name, value] : arguments.named) {
    size_t i = 0;
    while (i < given.size() && program_.symbols[static_cast<size_t>(macro.parameters[i])] != name) ++i;
    if (i < given.size() && !given[i]) {
      Assign(macro.parameters[i], value);
      given[i] = true;
    } else if (name == "caller") {
      Assign(macro.caller_symbol, value);
    } else if (macro.uses_kwargs) {
      rest.emplace_back(Value::Untrusted(&meter_, name), value);
    } else {
      Fail("macro '" + macro.name + "' takes no keyword argument '" + name + "'");
    }
  }
  if (macro.uses_kwargs) Assign(macro.kwargs_symbol, Value::Dict(&meter_, std::move(rest)));
}

Value Interpreter::NewMacro(const MacroDefinition& definition) {
  auto macro = std::make_unique<MacroObject>(&meter_);
  macro->definition = &definition;
  macro->scope = scope_;
  macro->charge.Set(kKeptBytes);
  for (Scope* scope = scope_; scope != nullptr; scope = scope->parent) scope->captured = true;
  macros_.push_back(std::move(macro));
  return Unowned(Kind::kMacro, macros_.back().get());
}

Value Interpreter::NewNamespace(const std::vector<std::pair<Value, Value>>& attributes) {
  auto object = std::make_unique<NamespaceObject>(&meter_);
  object->charge.Set(kKeptBytes);
  for (const auto& [name, value] : attributes) {
    if (name.IsString()) object->Set(name.bytes(), value);
  }
  namespaces_.push_back(std::move(object));
  return Unowned(Kind::kNamespace, namespaces_.back().get());
}

Interpreter::ScopeGuard::ScopeGuard(Interpreter& interpreter, Scope* parent)
    : interpreter_(interpreter), outer_(interpreter.scope_) {
  auto& spare = interpreter.spare_scopes_;
  std::unique_ptr<Scope> scope;
  if (spare.empty()) {
    scope = std::make_unique<Scope>();
  } else {
    scope = std::move(spare.back());
    spare.pop_back();
  }
  scope->parent = parent;
  interpreter.scope_ = scope.get();
  interpreter.live_scopes_.push_back(std::move(scope));
}

Interpreter::ScopeGuard::~ScopeGuard() {
  auto& live = interpreter_.live_scopes_;
  std::unique_ptr<Scope> scope = std::move(live.back());
  live.pop_back();
  interpreter_.scope_ = outer_;
  if (scope->captured) {
    interpreter_.kept_scopes_.push_back(std::move(scope));
  } else {
    scope->variables.clear();
    interpreter_.spare_scopes_.push_back(std::move(scope));
  }
}

Interpreter::Capture::Capture(Interpreter& interpreter)
    : interpreter_(interpreter), outer_(interpreter.out_), text_(interpreter.meter()) {
  interpreter_.out_ = &text_;
}

Interpreter::Capture::~Capture() { interpreter_.out_ = outer_; }

}  // namespace puna::api::jinja
