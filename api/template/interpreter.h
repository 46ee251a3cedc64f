// Runs one parsed template once. Not reused, not shared between threads.
#pragma once

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "api/template/ast.h"
#include "api/template/meter.h"
#include "api/template/tracked_text.h"
#include "api/template/value.h"

namespace puna::api::jinja {

// The names set by one block: a loop's round, a macro's call, a with. Inner blocks see the outer ones' names; what they
// set stays inside.
struct Scope {
  Scope* parent = nullptr;
  std::vector<std::pair<int, Value>> variables;  // symbol, value
  bool captured = false;                         // a macro refers to it, so it lives as long as the rendering
};

// A macro and the names around its definition. Owned by the interpreter.
struct MacroObject : Object {
  explicit MacroObject(Meter* meter) : charge(meter) {}
  const MacroDefinition* definition = nullptr;
  Scope* scope = nullptr;
  Charge charge;
};

class Interpreter {
 public:
  // context: for each symbol of the program the value given by the caller, or no value. All references outlive this.
  Interpreter(const Program& program, const std::vector<Value>& context, Meter& meter,
              std::chrono::system_clock::time_point now);
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  // The template's text. Throws TemplateError; line() then says where.
  TrackedText Run();
  int line() const { return line_; }

  Meter* meter() { return &meter_; }

  // For the nodes.
  Value Evaluate(const Expr& expr);
  void Print(const Expr& expr);
  Flow Execute(const Body& body);
  Value Lookup(int symbol) const;
  void Assign(int symbol, Value value);
  void Assign(const Target& target, const Value& value);
  Arguments EvaluateArguments(const CallArguments& arguments);
  Value Call(const Value& callee, const Arguments& arguments);
  Value NewMacro(const MacroDefinition& definition);
  TrackedText& out() { return *out_; }
  const Value& block_text() const { return block_text_; }
  void set_block_text(Value text) { block_text_ = std::move(text); }

  // For the global functions.
  Value NewNamespace(const std::vector<std::pair<Value, Value>>& attributes);
  std::chrono::system_clock::time_point now() const { return now_; }

  // While it lives names are set in a scope of its own, inside the current one or inside `parent`.
  class ScopeGuard {
   public:
    explicit ScopeGuard(Interpreter& interpreter) : ScopeGuard(interpreter, interpreter.scope_) {}
    ScopeGuard(Interpreter& interpreter, Scope* parent);
    ~ScopeGuard();
    ScopeGuard(const ScopeGuard&) = delete;
    ScopeGuard& operator=(const ScopeGuard&) = delete;

   private:
    Interpreter& interpreter_;
    Scope* outer_;
  };

  // While it lives what statements write is kept here.
  class Capture {
   public:
    explicit Capture(Interpreter& interpreter);
    ~Capture();
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;
    Value Take() { return Value::String(std::move(text_)); }

   private:
    Interpreter& interpreter_;
    TrackedText* outer_;
    TrackedText text_;
  };

 private:
  Value CallMacro(const MacroObject& macro, const Arguments& arguments);
  void BindParameters(const MacroDefinition& macro, const Arguments& arguments);
  void BindNamed(const MacroDefinition& macro, const Arguments& arguments, std::vector<bool>& given);

  const Program& program_;
  const std::vector<Value>& context_;
  Meter& meter_;
  std::chrono::system_clock::time_point now_;
  int line_ = 0;
  TrackedText* out_ = nullptr;
  Value block_text_;
  Scope* scope_ = nullptr;
  std::vector<std::unique_ptr<Scope>> spare_scopes_;
  std::vector<std::unique_ptr<Scope>> live_scopes_;  // a stack
  // Macros, namespaces and captured scopes can refer to each other in circles: they are freed together at the end.
  std::vector<std::unique_ptr<Scope>> kept_scopes_;
  std::vector<std::unique_ptr<MacroObject>> macros_;
  std::vector<std::unique_ptr<NamespaceObject>> namespaces_;
};

}  // namespace puna::api::jinja
